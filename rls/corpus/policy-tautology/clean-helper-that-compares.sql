-- object: public.wishes
-- leak: no
-- context: guc
-- expect: \(1 row\)

create function is_ours(t uuid) returns boolean language plpgsql stable as $$
begin
  return t = nullif(current_setting('app.tenant_id', true), '')::uuid;
end $$;
create table wishes (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  wish text,
  primary key (tenant_id, id)
);
alter table wishes enable row level security;
alter table wishes force row level security;
create policy wishes_tenant on wishes
  using (is_ours(tenant_id));
grant select, insert, update, delete on wishes to @app@;

-- seed
insert into wishes (tenant_id, wish) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select wish from wishes;
rollback;
