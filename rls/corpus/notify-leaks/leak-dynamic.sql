-- object: public.entries, public.tell()
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
create function tell() returns trigger language plpgsql as $$
begin
  execute format('notify entries, %L', new.memo);
  return null;
end $$;
create trigger tell after insert or update on entries for each row execute function tell();

-- proof
listen entries;
set app.tenant_id = '@B@';
insert into entries (tenant_id, memo) values ('@B@', 'canary-b');
