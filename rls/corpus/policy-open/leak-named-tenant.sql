-- Rows of one tenant by its name, for everybody.
-- object: public.pages
-- leak: yes
-- context: guc
-- tenant: text
-- expect: canary-house

create table pages (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  body text,
  primary key (tenant_id, id)
);
alter table pages enable row level security;
create policy pages_tenant on pages
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '') or tenant_id = 'house');
grant select on pages to @app@;

-- seed
insert into pages (tenant_id, body) values ('house', 'canary-house');

-- proof
begin;
set local app.tenant_id = '@A@';
select body from pages;
rollback;
