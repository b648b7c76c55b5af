-- object: public.warn_about(bigint)
-- leak: yes
-- context: guc
-- tenant: bigint
-- also: trigger-leaks
-- also: function-definer
-- expect: canary-b

create table entries (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  memo text,
  primary key (tenant_id, id)
);
alter table entries enable row level security;
create policy entries_tenant on entries
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on entries to @app@;
create function warn_about(n bigint) returns void language plpgsql security definer set search_path = '' as $$
declare r record;
begin
  for r in select memo from public.entries limit n loop
    raise notice 'entry: %', r.memo;
  end loop;
end $$;

-- seed
insert into entries (tenant_id, memo) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select warn_about(5);
rollback;
