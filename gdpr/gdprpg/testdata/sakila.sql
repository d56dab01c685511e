-- The tables, columns and keys of the Sakila sample database, as jOOQ/sakila publishes them for Postgres, with rows of
-- our own. The stores and their staff refer to each other by keys that are not null.

create schema sakila;
set search_path = sakila;
create type mpaa_rating as enum ('G', 'PG', 'PG-13', 'R', 'NC-17');
create domain year as integer check (value between 1901 and 2155);

create table actor (actor_id int primary key, first_name varchar(45) not null, last_name varchar(45) not null,
  last_update timestamp not null default '2006-02-15');
create table category (category_id int primary key, name varchar(25) not null, last_update timestamp not null default '2006-02-15');
create table country (country_id int primary key, country varchar(50) not null, last_update timestamp not null default '2006-02-15');
create table city (city_id int primary key, city varchar(50) not null, country_id int not null,
  last_update timestamp not null default '2006-02-15');
create table address (address_id int primary key, address varchar(50) not null, address2 varchar(50),
  district varchar(20) not null, city_id int not null, postal_code varchar(10), phone varchar(20) not null,
  last_update timestamp not null default '2006-02-15');
create table language (language_id int primary key, name char(20) not null, last_update timestamp not null default '2006-02-15');
create table film (film_id int primary key, title varchar(255) not null, description text, release_year year,
  language_id int not null, original_language_id int, rental_duration smallint not null default 3,
  rental_rate numeric(4, 2) not null default 4.99, length smallint, replacement_cost numeric(5, 2) not null default 19.99,
  rating mpaa_rating default 'G', last_update timestamp not null default '2006-02-15', special_features text[],
  fulltext tsvector not null);
create table film_actor (actor_id int, film_id int, last_update timestamp not null default '2006-02-15',
  primary key (actor_id, film_id));
create table film_category (film_id int, category_id int, last_update timestamp not null default '2006-02-15',
  primary key (film_id, category_id));
create table store (store_id int primary key, manager_staff_id int not null, address_id int not null,
  last_update timestamp not null default '2006-02-15');
create table staff (staff_id int primary key, first_name varchar(45) not null, last_name varchar(45) not null,
  address_id int not null, email varchar(50), store_id int not null, active boolean not null default true,
  username varchar(16) not null, password varchar(40), last_update timestamp not null default '2006-02-15', picture bytea);
create table customer (customer_id int primary key, store_id int not null, first_name varchar(45) not null,
  last_name varchar(45) not null, email varchar(50), address_id int not null, activebool boolean not null default true,
  create_date date not null default '2006-02-14', last_update timestamp default '2006-02-15', active int);
create table inventory (inventory_id int primary key, film_id int not null, store_id int not null,
  last_update timestamp not null default '2006-02-15');
create table rental (rental_id int primary key, rental_date timestamp not null, inventory_id int not null,
  customer_id int not null, return_date timestamp, staff_id int not null, last_update timestamp not null default '2006-02-15');
create table payment (payment_id int primary key, customer_id int not null, staff_id int not null, rental_id int not null,
  amount numeric(5, 2) not null, payment_date timestamp not null);
create table payment_p2007_01 (check (payment_date >= '2007-01-01' and payment_date < '2007-02-01')) inherits (payment);
create table payment_p2007_02 (check (payment_date >= '2007-02-01' and payment_date < '2007-03-01')) inherits (payment);
create table payment_p2007_03 (check (payment_date >= '2007-03-01' and payment_date < '2007-04-01')) inherits (payment);
create table payment_p2007_04 (check (payment_date >= '2007-04-01' and payment_date < '2007-05-01')) inherits (payment);
create table payment_p2007_05 (check (payment_date >= '2007-05-01' and payment_date < '2007-06-01')) inherits (payment);
create table payment_p2007_06 (check (payment_date >= '2007-06-01' and payment_date < '2007-07-01')) inherits (payment);

insert into country values (1, 'Norway');
insert into city values (1, 'Bergen', 1);
insert into language values (1, 'Norwegian');
insert into category values (1, 'Drama');
insert into actor values (1, 'MARY', 'KEITEL'), (2, 'OLE', 'BULL');
insert into film (film_id, title, description, language_id, special_features, fulltext)
select i, 'FILM ' || i, 'A tale of a summary and ' || i || ' smiths', 1, array['Trailers'], to_tsvector('film') from generate_series(1, 10) i;
insert into film_actor select 1 + i % 2, i from generate_series(1, 10) i;
insert into film_category select i, 1 from generate_series(1, 10) i;
insert into address
select i, i || ' Harbour Road', null, 'Vestland', 1, '50' || i, '+47 555 01' || i from generate_series(100, 140) i;
insert into store values (1, 1, 131), (2, 2, 132);
insert into staff (staff_id, first_name, last_name, address_id, email, store_id, username)
values (1, 'Mike', 'Hill', 133, 'mike.hill@staff.test', 1, 'mike'), (2, 'Jon', 'Stephens', 134, 'jon.stephens@staff.test', 2, 'jon'),
  (3, 'Kari', 'Dahl', 135, 'kari.dahl@staff.test', 1, 'kari');
insert into customer (customer_id, store_id, first_name, last_name, email, address_id, active)
select i, 2 - i % 2, 'FIRST' || i, 'LAST' || i, 'customer' || i || '@customer.test', 100 + i, 1 from generate_series(1, 20) i;
update customer set first_name = 'MARY', last_name = 'SMITH', email = 'MARY.SMITH@customer.test' where customer_id = 1;
insert into inventory select i, 1 + i % 10, 2 - i % 2 from generate_series(1, 40) i;
insert into rental (rental_id, rental_date, inventory_id, customer_id, staff_id)
select i, timestamp '2007-01-01' + i * interval '7 hours', 1 + (i - 1) % 40, 1 + (i - 1) % 20, 2 - i % 2 from generate_series(1, 400) i;
insert into payment
select 1000 + i, 1 + (i - 1) % 20, 2 - i % 2, i, 4.99, timestamp '2006-12-24' from generate_series(1, 40) i;
insert into payment_p2007_01
select i, 1 + (i - 1) % 20, 2 - i % 2, i, 4.99, timestamp '2007-01-10' from generate_series(41, 100) i;
insert into payment_p2007_02
select i, 1 + (i - 1) % 20, 2 - i % 2, i, 4.99, timestamp '2007-02-10' from generate_series(101, 160) i;
insert into payment_p2007_03
select i, 1 + (i - 1) % 20, 2 - i % 2, i, 4.99, timestamp '2007-03-10' from generate_series(161, 220) i;
insert into payment_p2007_04
select i, 1 + (i - 1) % 20, 2 - i % 2, i, 4.99, timestamp '2007-04-10' from generate_series(221, 280) i;
insert into payment_p2007_05
select i, 1 + (i - 1) % 20, 2 - i % 2, i, 4.99, timestamp '2007-05-10' from generate_series(281, 340) i;
insert into payment_p2007_06
select i, 1 + (i - 1) % 20, 2 - i % 2, i, 4.99, timestamp '2007-06-10' from generate_series(341, 400) i;

alter table address add constraint address_city_id_fkey foreign key (city_id) references city on update cascade on delete restrict;
alter table city add constraint city_country_id_fkey foreign key (country_id) references country on update cascade on delete restrict;
alter table customer add constraint customer_address_id_fkey foreign key (address_id) references address on update cascade on delete restrict,
  add constraint customer_store_id_fkey foreign key (store_id) references store on update cascade on delete restrict;
alter table film_actor add constraint film_actor_actor_id_fkey foreign key (actor_id) references actor on update cascade on delete restrict,
  add constraint film_actor_film_id_fkey foreign key (film_id) references film on update cascade on delete restrict;
alter table film_category add constraint film_category_film_id_fkey foreign key (film_id) references film on update cascade on delete restrict,
  add constraint film_category_category_id_fkey foreign key (category_id) references category on update cascade on delete restrict;
alter table film add constraint film_language_id_fkey foreign key (language_id) references language on update cascade on delete restrict,
  add constraint film_original_language_id_fkey foreign key (original_language_id) references language on update cascade on delete restrict;
alter table inventory add constraint inventory_film_id_fkey foreign key (film_id) references film on update cascade on delete restrict,
  add constraint inventory_store_id_fkey foreign key (store_id) references store on update cascade on delete restrict;
alter table payment add constraint payment_customer_id_fkey foreign key (customer_id) references customer on update cascade on delete restrict,
  add constraint payment_rental_id_fkey foreign key (rental_id) references rental on update cascade on delete set null,
  add constraint payment_staff_id_fkey foreign key (staff_id) references staff on update cascade on delete restrict;
do $$
begin
  for i in 1..6 loop
    execute format('alter table payment_p2007_0%1$s
      add constraint payment_p2007_0%1$s_customer_id_fkey foreign key (customer_id) references customer,
      add constraint payment_p2007_0%1$s_rental_id_fkey foreign key (rental_id) references rental,
      add constraint payment_p2007_0%1$s_staff_id_fkey foreign key (staff_id) references staff', i);
  end loop;
end $$;
alter table rental add constraint rental_customer_id_fkey foreign key (customer_id) references customer on update cascade on delete restrict,
  add constraint rental_inventory_id_fkey foreign key (inventory_id) references inventory on update cascade on delete restrict,
  add constraint rental_staff_id_fkey foreign key (staff_id) references staff on update cascade on delete restrict;
alter table staff add constraint staff_address_id_fkey foreign key (address_id) references address on update cascade on delete restrict,
  add constraint staff_store_id_fkey foreign key (store_id) references store;
alter table store add constraint store_address_id_fkey foreign key (address_id) references address on update cascade on delete restrict,
  add constraint store_manager_staff_id_fkey foreign key (manager_staff_id) references staff on update cascade on delete restrict;
reset search_path;
