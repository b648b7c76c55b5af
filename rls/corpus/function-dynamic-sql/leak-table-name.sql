-- object: public.count_rows(text)
-- leak: yes
-- context: guc
-- tenant: bigint
-- also: function-definer
-- expect: count_rows.*\s2\s

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
create function count_rows(t text) returns bigint language plpgsql stable security definer set search_path = '' as $f$
declare n bigint;
begin
  execute 'select count(*) from ' || t into n;
  return n;
end $f$;

-- seed
insert into entries (tenant_id, memo) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select count_rows('public.entries');
rollback;
