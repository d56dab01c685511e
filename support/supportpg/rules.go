package supportpg

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/internal/pgerr"
	"github.com/transbotai/tenon/support"
)

func scanRules(row pgx.Row) (support.Rules, error) {
	var version int64
	var body []byte
	if err := row.Scan(&version, &body); err != nil {
		return support.Rules{}, err
	}
	if body == nil {
		return support.DefaultRules(), nil
	}
	var r support.Rules
	err := json.Unmarshal(body, &r)
	r.Version = version
	return r, err
}

// Rules implements [support.TicketStore].
func (s *Store) Rules(ctx context.Context) (support.Rules, error) {
	r, err := scanRules(s.db.QueryRow(ctx, rulesSQL))
	return r, translate(err)
}

const (
	setRulesSQL = `
update tenon.support_rules
set version = $1, body = $2::text::json`

	keepRulesSQL = `
insert into tenon.support_rule_versions (version, body)
values ($1, $2::text::json)`
)

// ChangeRules implements [support.TicketStore].
func (s *Store) ChangeRules(
	ctx context.Context, edit func(r *support.Rules) (support.Effects, error),
) (changed support.Rules, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, takeRulesSQL, int64(rulesLock)); err != nil {
			return err
		}
		if changed, err = scanRules(tx.QueryRow(ctx, rulesSQL)); err != nil {
			return err
		}
		e, err := edit(&changed)
		if err != nil {
			return pgerr.Hosts(err)
		}
		body, err := json.Marshal(changed)
		if err != nil {
			return err
		}
		for _, sql := range []string{setRulesSQL, keepRulesSQL} {
			if _, err := tx.Exec(ctx, sql, changed.Version, string(body)); err != nil {
				return err
			}
		}
		return s.follow(ctx, tx, e)
	})
	if err != nil {
		return support.Rules{}, err
	}
	return changed, nil
}
