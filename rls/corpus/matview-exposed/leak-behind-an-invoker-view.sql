-- object: public.tops, public.my_tops
-- leak: yes
-- context: guc
-- expect: canary-b

create table songs (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text,
  primary key (tenant_id, id)
);
alter table songs enable row level security;
create policy songs_tenant on songs
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on songs to @app@;
create materialized view tops as select * from songs;
create view my_tops with (security_invoker = true) as select title from tops;
grant select on tops, my_tops to @app@;

-- seed
insert into songs (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');
refresh materialized view tops;

-- proof
begin;
set local app.tenant_id = '@A@';
select title from my_tops;
rollback;
