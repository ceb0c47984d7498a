-- One row per KOL and customer who is that KOL: a record of the customer has the KOL's e-mail. Few, and made anew at each build.
select distinct
    kols.tenant_id,
    kols.kol_id,
    records.customer_id
from (select * from {{ ref('stg_kols') }} where email_hash is not null) as kols
{{ look_up(ref('int_customers__records'), 'records', {
    'tenant_id': 'kols.tenant_id',
    'email_hash': 'kols.email_hash',
}) }}
