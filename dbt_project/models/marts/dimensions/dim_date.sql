-- One row per day, 2000 to 2049.
with days as (

    select * from {{ ref('int_calendar__days') }}

),

final as (

    select
        calendar_date,
        cast(extract(year from calendar_date) as integer) as calendar_year,
        cast(extract(quarter from calendar_date) as integer) as calendar_quarter,
        cast(date_trunc('month', calendar_date) as date) as calendar_month,
        cast(date_trunc('week', calendar_date) as date) as week_start_date,
        cast(extract(dow from calendar_date) as integer) in (0, 6) as is_weekend
    from days

)

select * from final
