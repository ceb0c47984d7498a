{# The channel of a click, by its token or else by its campaign parameters; NULL where there is no click. #}
{% macro click_channel(token, token_id, medium, source) -%}
case
    when {{ token_id }} is not null then 'kol'
    when lower({{ medium }}) in ('cpc', 'ppc', 'paid') then
        case
            when lower({{ source }}) like '%google%' then 'google_ads'
            when lower({{ source }}) like '%facebook%' or lower({{ source }}) like '%instagram%' or lower({{ source }}) like '%meta%' then 'meta_ads'
            when lower({{ source }}) like '%tiktok%' then 'tiktok_ads'
            else 'paid_other'
        end
    when lower({{ medium }}) = 'email' then 'email'
    else 'organic'
end
{%- endmacro %}
