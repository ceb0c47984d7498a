-- One row per due order or store sale, with its state. A table, because its readers' plans need to know how many rows
-- there are; a reader that is made anew takes the states themselves.
select states.*
from {{ ref('int_orders__states') }} as states
inner join {{ ref('int_orders__due') }} as due
    on states.tenant_id = due.tenant_id
    and states.order_type = due.order_type
    and states.source = due.source
    and states.order_id = due.subject_id
