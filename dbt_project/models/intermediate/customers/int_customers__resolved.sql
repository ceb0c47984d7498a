{{ config(materialized='view') }}
-- One row per customer record of a source: the customer it belongs to. Until records are matched across sources, each
-- record is its own customer. This is the one seam through which the marts learn who a customer is.
select
    tenant_id,
    source,
    source_customer_id,
    source || ':' || source_customer_id as customer_id
from {{ ref('stg_customers') }}
