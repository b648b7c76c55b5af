-- object: public.find_contacts(text)
-- leak: yes
-- context: guc
-- tenant: text
-- expect: canary-b

create table contacts (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  name text,
  primary key (tenant_id, id)
);
alter table contacts enable row level security;
create policy contacts_tenant on contacts
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on contacts to @app@;
create function find_contacts(q text) returns table (name text) language plpgsql stable security definer set search_path = '' as $$
begin
  return query select c.name from public.contacts c where c.name ilike '%' || q || '%';
end $$;

-- seed
insert into contacts (tenant_id, name) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select * from find_contacts('nary');
rollback;
