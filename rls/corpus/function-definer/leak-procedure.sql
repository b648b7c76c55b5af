-- object: public.purge(integer)
-- leak: yes
-- context: guc
-- expect: left_of_b.*\s0\s

create table logs (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  line text,
  primary key (tenant_id, id)
);
alter table logs enable row level security;
create policy logs_tenant on logs
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on logs to @app@;
create procedure purge(days int) language plpgsql security definer set search_path = '' as $$
begin
  delete from public.logs where length(line) > days;
end $$;

-- seed
insert into logs (tenant_id, line) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
set app.tenant_id = '@A@';
call purge(1);
set app.tenant_id = '@B@';
select count(*) as left_of_b from logs;
