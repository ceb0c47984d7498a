-- One row per day, 2000 to 2049.
select calendar_date
from {{ day_series('2000-01-01', '2049-12-31') }} as days (calendar_date)
