{#
    True for a refund that names no order, an order that is unknown, or one in another currency.

    `found_by` is the alias whose tenant, type and source are taken for the look-up: the one that says which few refunds matter, so
    that the others are not looked up.
#}
{% macro names_no_order(refunds, found_by) -%}
    (
        select count(*) from {{ ref('int_orders__states') }} as named
        where
            named.tenant_id = {{ found_by }}.tenant_id
            and named.order_type = {{ found_by }}.order_type
            and named.source = {{ found_by }}.source
            and named.order_id = {{ refunds }}.order_id
            and named.currency = {{ refunds }}.currency
    ) = 0
{%- endmacro %}
