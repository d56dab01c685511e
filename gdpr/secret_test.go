package gdpr_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/gdpr"
)

func TestAnEmptySecretIsNone(t *testing.T) {
	t.Parallel()
	require.True(t, gdpr.NewSecret("").IsZero(), "or anybody could sign by it")
	require.False(t, gdpr.NewSecret("x").IsZero())
}

func TestTwoReferencesThatAreNeverNullMakeATie(t *testing.T) {
	t.Parallel()
	tables, keys, def := firm()
	tables = append(tables, gdpr.Table{Name: "trades", Key: []string{"id"}, Unique: true, Columns: []gdpr.Column{
		{Name: "id", Type: "bigint", NotNull: true}, {Name: "buyer_id", Type: "bigint", NotNull: true}, {Name: "seller_id", Type: "bigint", NotNull: true},
	}})
	for _, side := range []string{"buyer", "seller"} {
		keys = append(keys, gdpr.Reference{
			Name: side, From: "trades", Columns: []string{side + "_id"}, To: "companies", ToColumns: []string{"id"}, OnDelete: gdpr.NoAction,
		})
	}
	def.Tables["trades"] = gdpr.TableRule{Rule: gdpr.Delete, Columns: gdpr.Columns(gdpr.ColumnRule{}, "id", "buyer_id", "seller_id")}
	require.ErrorContains(t, def.Check(def.Chart(tables, keys)), "trades: several references say whose its rows are", "a trade is of both")
	change(def, "trades", func(r *gdpr.TableRule) { r.OwnedBy = []string{"seller"} })
	require.NoError(t, def.Check(def.Chart(tables, keys)))
}

func TestColumnsThatIdentifyRowsAreNeverNull(t *testing.T) {
	t.Parallel()
	tables, keys, def := firm()
	tables[2].Key, tables[2].Unique = nil, false
	change(def, "posts", func(r *gdpr.TableRule) { r.Key = []string{"about"} })
	require.ErrorContains(t, def.Check(def.Chart(tables, keys)), "posts.about: is to identify rows and may be null")
}
