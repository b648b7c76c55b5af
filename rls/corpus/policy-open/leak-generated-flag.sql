-- What the policy asks is what three other columns make it.
-- object: public.photos
-- leak: yes
-- context: guc
-- expect: canary-b.jpg

create table photos (
  tenant_id uuid not null,
  file_name text not null check (file_name ~ '\.(jpg|png)$'),
  visibility text not null default 'private' check (visibility in ('private', 'link')),
  passphrase text,
  expires_on date,
  is_open boolean generated always as (visibility = 'link' and passphrase is null and expires_on is not null) stored,
  primary key (tenant_id, file_name)
);
alter table photos enable row level security;
alter table photos force row level security;
create policy photos_tenant on photos
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy photos_open on photos for select
  using (is_open);
grant select, insert on photos to @app@;

-- seed
insert into photos (tenant_id, file_name, visibility, expires_on) values ('@B@', 'canary-b.jpg', 'link', '2040-01-01');

-- proof
begin;
set local app.tenant_id = '@A@';
select file_name from photos;
rollback;
