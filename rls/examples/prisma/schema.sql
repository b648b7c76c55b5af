-- Companies and their projects, in the style of Prisma: quoted names, text ids.
-- hole: public.Project
-- hole: public.Invoice
-- hole: public.User

create table "_prisma_migrations" (id varchar(36) primary key, checksum varchar(64) not null, migration_name varchar(255) not null);

create table "Company" (id text primary key, name text not null);
create table "User" (
  id text not null default gen_random_uuid()::text,
  "companyId" text not null default current_setting('app.current_company_id', true) references "Company",
  email text not null,
  primary key ("companyId", id)
);
create unique index "User_email_key" on "User" (email);
create table "Project" (
  id text not null default gen_random_uuid()::text,
  "companyId" text not null default current_setting('app.current_company_id', true) references "Company",
  title text not null,
  primary key ("companyId", id)
);
create table "Invoice" (
  id text not null default gen_random_uuid()::text,
  "companyId" text not null default current_setting('app.current_company_id', true) references "Company",
  "projectId" text not null,
  total integer not null,
  primary key ("companyId", id),
  foreign key ("companyId", "projectId") references "Project" ("companyId", id)
);
grant select on "Company" to prisma_app;
grant select, insert, update, delete on "User", "Project", "Invoice" to prisma_app;

alter table "Company" enable row level security;
alter table "User" enable row level security;
alter table "Project" enable row level security;
alter table "Invoice" enable row level security;
create policy company on "Company" using (id = current_setting('app.current_company_id', true));
create policy company on "User" using ("companyId" = current_setting('app.current_company_id', true));
create policy company on "Project" using ("companyId" = current_setting('app.current_company_id', true));
-- For scripts: but the app's own connection can set it, too.
create policy bypass on "Project" using (current_setting('app.bypass_rls', true)::text = 'on');
create policy company on "Invoice" using ("companyId" like current_setting('app.current_company_id', true));
