-- One bit is an answer, too.
-- object: public.is_taken(text)
-- leak: yes
-- context: guc
-- tenant: text
-- expect: is_taken.*\st\s

create table rooms (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  name text,
  primary key (tenant_id, id)
);
alter table rooms enable row level security;
create policy rooms_tenant on rooms
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on rooms to @app@;
create function is_taken(n text) returns boolean language sql stable security definer set search_path = ''
  as $$ select exists (select from public.rooms where name = n) $$;

-- seed
insert into rooms (tenant_id, name) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select is_taken('canary-b');
rollback;
