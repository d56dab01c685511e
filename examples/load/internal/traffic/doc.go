// Package traffic asks a running transbot for what its customers ask for, and remembers every answer: what was promised
// to whom is what the database is compared with afterwards.
package traffic
