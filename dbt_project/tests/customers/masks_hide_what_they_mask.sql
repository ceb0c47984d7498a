-- What every reader sees of a person is not what the person's records say, and nothing is masked that is not there.
select figures.tenant_id, figures.customer_id
from {{ ref('customer_figures') }} as figures
left join {{ ref('customer_contacts') }} as contacts
    on figures.tenant_id = contacts.tenant_id and figures.customer_id = contacts.customer_id
where
    figures._build_id > {{ proven_build() }}
    and (
        {% for column in ['full_name', 'email', 'phone'] -%}
        (figures.{{ column }}_masked is null and contacts.{{ column }} is not null)
        or (figures.{{ column }}_masked is not null and contacts.{{ column }} is null)
        or figures.{{ column }}_masked = contacts.{{ column }}
        or figures.{{ column }}_masked not like '%***%'
        or {% endfor -%}
        figures.birth_year is distinct from extract(year from contacts.birth_date)
    )
