-- The view filters by tenant, but for what is pinned.
-- object: public.board
-- leak: yes
-- context: guc
-- also: view-leaky
-- expect: canary-b

create table cards (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text,
  is_pinned boolean not null default true,
  primary key (tenant_id, id)
);
alter table cards enable row level security;
create policy cards_tenant on cards
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on cards to @app@;
create view board as select title from cards where tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid or is_pinned;
grant select on board to @app@;

-- seed
insert into cards (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select title from board;
rollback;
