-- object: public.must_be_free(text)
-- leak: yes
-- context: guc
-- tenant: text
-- also: trigger-leaks
-- also: function-definer
-- expect: canary-b

create table names (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  handle text,
  owner_name text,
  primary key (tenant_id, id)
);
alter table names enable row level security;
create policy names_tenant on names
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on names to @app@;
create function must_be_free(h text) returns void language plpgsql security definer set search_path = '' as $$
declare n text;
begin
  select owner_name into n from public.names where handle = h;
  if n is not null then
    raise exception using message = 'taken', detail = 'by ' || n;
  end if;
end $$;

-- seed
insert into names (tenant_id, handle, owner_name) values ('acme-eu', 'h', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select must_be_free('h');
rollback;
