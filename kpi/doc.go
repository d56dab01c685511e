// Package kpi is the rest of a page.
package kpi
