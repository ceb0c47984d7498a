-- The CRM's list of KOLs.
select
    kol_id as kol_code,
    name as display_name,
    handle,
    upper(platform[1]) || platform[2:] as main_channel,
    upper(tier) as size_class,
    cast(attribution_window_hours as varchar) as attribution_hours,
    utc_z(updated_at) as modified_at
from kols
order by updated_at, kol_id
