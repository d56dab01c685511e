module github.com/transbotai/tenon/examples/pgxmock

go 1.26.0

// The newest pgx that pgxmock builds with. It is for the tests of this module alone: tenon itself asks for 5.12.0 or
// newer, which fixes two advisories.
replace github.com/jackc/pgx/v5 => github.com/jackc/pgx/v5 v5.10.0

replace github.com/transbotai/tenon => ../..

require (
	github.com/jackc/pgx/v5 v5.12.0
	github.com/pashagolub/pgxmock/v3 v3.4.0
	github.com/stretchr/testify v1.12.1
	github.com/transbotai/tenon v0.0.0-00010101000000-000000000000
)

require (
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.3 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)
