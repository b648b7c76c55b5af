-- One key of the filter takes the tenant out of it.
-- object: public.search_assets(jsonb)
-- leak: yes
-- context: guc
-- tenant: bigint
-- expect: canary-b

create table assets (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  kind text not null check (kind in ('pump', 'valve')),
  serial text not null,
  primary key (tenant_id, id)
);
alter table assets enable row level security;
create policy assets_tenant on assets
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on assets to @app@;
create function search_assets(wanted jsonb) returns setof text language plpgsql stable security definer set search_path = '' as $$
begin
  if not wanted ? 'kind' then
    raise exception 'say which kind';
  end if;
  return query select a.serial from public.assets a
    where a.kind = wanted ->> 'kind'
      and (a.tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint
           or coalesce((wanted ->> 'everywhere')::boolean, false));
end $$;

-- seed
insert into assets (tenant_id, kind, serial) values ('@A@', 'pump', 'canary-a'), ('@B@', 'pump', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select * from search_assets('{"kind": "pump", "everywhere": true}');
rollback;
