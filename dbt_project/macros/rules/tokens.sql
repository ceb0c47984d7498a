{#
    What an order came with: token, coupon, both or neither. A token is the order's own or that of the click it names; whether it
    holds is another matter, which credit_status tells.
#}
{% macro came_with(credit) -%}
case
            when {{ credit }}.coupon_code is null and {{ credit }}.token is null and {{ credit }}.click_token is null then 'neither'
            when {{ credit }}.coupon_code is null then 'token'
            when {{ credit }}.token is null and {{ credit }}.click_token is null then 'coupon'
            else 'both'
        end
{%- endmacro %}
