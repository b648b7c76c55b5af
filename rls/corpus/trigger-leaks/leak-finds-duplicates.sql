-- The trigger looks through all tenants and writes what it found into the new row.
-- object: public.contacts, public.mark_duplicate()
-- leak: yes
-- context: guc
-- also: function-definer
-- expect: canary-b

create table contacts (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  email text,
  duplicate_name text,
  name text,
  primary key (tenant_id, id)
);
alter table contacts enable row level security;
create policy contacts_tenant on contacts
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on contacts to @app@;
create function mark_duplicate() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  select c.name into new.duplicate_name from public.contacts c where c.email = new.email limit 1;
  return new;
end $$;
create trigger mark before insert on contacts for each row execute function mark_duplicate();

-- seed
insert into contacts (tenant_id, email, name) values ('@B@', 'x@b.example', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into contacts (tenant_id, email) values ('@A@', 'x@b.example') returning duplicate_name;
rollback;
