{{ config(materialized='view') }}
-- One row per record that the map names: the customer whom it belongs to. A customer record that is not named is a customer by
-- itself, an order or sale that is not named has none. This is the one seam through which the marts learn who a customer is.
select
    tenant_id,
    record_source as source,
    record_type,
    record_id,
    customer_id
from {{ ref('stg_customer_map') }}
