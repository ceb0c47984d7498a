-- One row per touched order or store sale, with its state. A table, because its readers' plans need to know how many rows
-- there are; a reader that is made anew takes the states themselves.
select
    states.*,
    touched.cause
from {{ ref('int_orders__touched') }} as touched
{{ look_up(ref('int_orders__states'), 'states', {
    'tenant_id': 'touched.tenant_id',
    'order_type': 'touched.order_type',
    'source': 'touched.source',
    'order_id': 'touched.subject_id',
}) }}
