-- object: public.my_tasks
-- leak: yes
-- context: guc
-- tenant: bigint
-- expect: canary-b

create table tasks (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  title text,
  primary key (tenant_id, id)
);
alter table tasks enable row level security;
create policy tasks_tenant on tasks
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on tasks to @app@;
create view my_tasks as select title from tasks where title <> '' and tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint;
grant select on my_tasks to @app@;

-- seed
insert into tasks (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
create function pg_temp.tell(t text) returns boolean language plpgsql cost 0.0001 as $$ begin raise notice 'row: %', t; return true; end $$;
begin;
set local app.tenant_id = '@A@';
set local enable_indexscan = off;
set local enable_bitmapscan = off;
select * from my_tasks where pg_temp.tell(title);
rollback;
