-- Its error says the value.
-- object: public.as_number(text)
-- leak: yes
-- context: guc
-- tenant: bigint
-- expect: canary-b

create table entries (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  memo text,
  primary key (tenant_id, id)
);
alter table entries enable row level security;
alter table entries force row level security;
create policy entries_tenant on entries
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on entries to @app@;
reset role;
create function as_number(t text) returns int language plpgsql immutable leakproof cost 1 as $$
begin
  return t::int;
end $$;

-- seed
insert into entries (tenant_id, memo) values ('@B@', 'canary-b'), ('@A@', 'canary-a');

-- proof
begin;
set local app.tenant_id = '@A@';
set local enable_indexscan = off;
set local enable_bitmapscan = off;
select memo from entries where as_number(memo) = 1;
rollback;
