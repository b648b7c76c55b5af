-- Whatever row it is given, it reads that again past every policy.
-- object: public.reload(anyelement)
-- leak: yes
-- context: guc
-- also: function-dynamic-sql
-- expect: canary-b

create table notes (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text not null,
  primary key (tenant_id, id)
);
alter table notes enable row level security;
create policy notes_tenant on notes using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert on notes to @app@;
create function reload(inout rec anyelement)
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  execute format('select t.* from %s t where t.id = $1', pg_typeof(rec)) into rec using (to_jsonb(rec) ->> 'id')::uuid;
end $$;
revoke all on function reload(anyelement) from public;
grant execute on function reload(anyelement) to @app@;

-- seed
insert into notes values ('@B@', 'b0000000-0000-4000-8000-000000000001', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select reload(jsonb_populate_record(null::notes, '{"id": "b0000000-0000-4000-8000-000000000001"}'));
rollback;
