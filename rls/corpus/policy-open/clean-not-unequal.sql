-- object: public.boxes
-- leak: no
-- context: guc
-- expect: \(1 row\)

create table boxes (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  label text,
  primary key (tenant_id, id)
);
alter table boxes enable row level security;
alter table boxes force row level security;
create policy boxes_tenant on boxes
  using (not (tenant_id <> nullif(current_setting('app.tenant_id', true), '')::uuid));
grant select, insert, update, delete on boxes to @app@;

-- seed
insert into boxes (tenant_id, label) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select label from boxes;
rollback;
