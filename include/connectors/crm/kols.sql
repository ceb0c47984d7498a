-- CRM list of KOLs (CSV) to the feed kols.
-- Traps: channels and size classes are written in capitals; the window is in hours, and empty where the shop's own counts.
select
    _row,
    kol_code as kol_id,
    display_name as name,
    handle,
    lower(main_channel) as platform,
    lower(size_class) as tier,
    attribution_hours as attribution_window_hours,
    modified_at as updated_at,
    * exclude (_row, kol_code, display_name, handle, main_channel, size_class, attribution_hours, modified_at)
from source
