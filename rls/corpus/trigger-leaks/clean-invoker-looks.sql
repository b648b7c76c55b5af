-- object: public.contacts
-- leak: no
-- context: guc
-- tenant: text
-- expect: empty.*\st\s

create table contacts (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  email text,
  name text,
  duplicate_name text,
  primary key (tenant_id, id)
);
alter table contacts enable row level security;
alter table contacts force row level security;
create policy contacts_tenant on contacts
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on contacts to @app@;
create function mark_duplicate() returns trigger language plpgsql as $$
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
insert into contacts (tenant_id, email) values ('@A@', 'x@b.example') returning duplicate_name is null as empty;
rollback;
