-- object: public.wishes
-- leak: yes
-- context: guc
-- also: policy-open
-- expect: canary-b

create function is_ours(t uuid) returns boolean language plpgsql stable as $$
begin
  -- to be done when sign-in is there
  return true;
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
