-- object: public.feedback
-- leak: yes
-- context: guc
-- toml: [context.vars]
-- toml: "app.tenant_id" = "$tenant"
-- toml: "app.user_id" = "$user"
-- expect: INSERT 0 1

create table feedback (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  author_id uuid not null default nullif(current_setting('app.user_id', true), '')::uuid,
  body text,
  primary key (tenant_id, id)
);
alter table feedback enable row level security;
alter table feedback force row level security;
grant select, insert on feedback to @app@;
create policy r on feedback for select
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy w on feedback for insert
  with check (author_id = nullif(current_setting('app.user_id', true), '')::uuid);

-- proof
begin;
set local app.tenant_id = '@A@';
set local app.user_id = '11111111-0000-4000-8000-000000000001';
insert into feedback (tenant_id, body) values ('@B@', 'planted');
rollback;
