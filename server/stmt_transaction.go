package server

import (
	"context"
	"strings"

	"github.com/tarndb/tarn/pgwire"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
)

func done(tag string) (pgwire.Outcome, error) { return pgwire.Outcome{Verb: tag, Rows: -1}, nil }

var _ = on[*ast.Begin](verb{tag: "BEGIN", reads: true, bare: true, run: func(_ context.Context, s *session, stmt ast.Statement, _ pgwire.ResultWriter) (pgwire.Outcome, error) {
	b := stmt.(*ast.Begin)
	if s.tx != nil && s.tx.explicit {
		s.notice(pgwire.Warning, sqlerr.New("25001", "there is already a transaction in progress"))
		return done("BEGIN")
	}
	s.begin().explicit = true // what the string did before is part of the block
	tag := "BEGIN"
	if b.Start {
		tag = "START TRANSACTION"
	}
	if err := s.setModes(&b.Modes); err != nil {
		return pgwire.Outcome{}, err
	}
	return done(tag)
}})

// setModes applies BEGIN's and SET TRANSACTION's modes to the current transaction.
func (s *session) setModes(m *ast.TxModes) error {
	t := s.tx
	switch strings.ToUpper(m.Isolation) {
	case "":
	case "READ COMMITTED", "READ UNCOMMITTED":
		t.repeat = false
	case "REPEATABLE READ":
		t.repeat = true
	case "SERIALIZABLE":
		return sqlerr.New(sqlerr.FeatureNotSupported, "isolation level SERIALIZABLE is not supported").
			WithHint("Use REPEATABLE READ.")
	}
	switch strings.ToUpper(m.Access) {
	case "READ ONLY":
		t.readOnly = true
	case "READ WRITE":
		t.readOnly = false
	}
	if m.Snapshot != "" {
		return sqlerr.New(sqlerr.FeatureNotSupported, "SET TRANSACTION SNAPSHOT is not supported")
	}
	level, access := "read committed", "off"
	if t.repeat {
		level = "repeatable read"
	}
	if t.readOnly {
		access = "on"
	}
	s.keepSettings()
	s.set.values["transaction_isolation"], s.set.values["transaction_read_only"] = level, access
	return nil
}

var _ = on[*ast.Commit](verb{tag: "COMMIT", reads: true, endsBlock: true, bare: true, run: func(ctx context.Context, s *session, stmt ast.Statement, _ pgwire.ResultWriter) (pgwire.Outcome, error) {
	chain := stmt.(*ast.Commit).Chain
	if s.tx == nil || !s.tx.explicit {
		if chain {
			return pgwire.Outcome{}, noChain("COMMIT")
		}
		s.notice(pgwire.Warning, sqlerr.New(sqlerr.NoActiveSQLTransaction, "there is no transaction in progress"))
		if err := s.commit(ctx); err != nil { // what the string did before
			return pgwire.Outcome{}, err
		}
		return done("COMMIT")
	}
	tag := "COMMIT"
	if s.tx.failed {
		tag = "ROLLBACK"
	}
	s.dropModes()
	if err := s.commit(ctx); err != nil {
		return pgwire.Outcome{}, err
	}
	if chain {
		s.begin().explicit = true
	}
	return done(tag)
}})

func noChain(verb string) error {
	return sqlerr.New(sqlerr.NoActiveSQLTransaction, "%s AND CHAIN can only be used in transaction blocks", verb)
}

// dropModes forgets what the transaction's modes showed as settings.
func (s *session) dropModes() {
	delete(s.set.values, "transaction_isolation")
	delete(s.set.values, "transaction_read_only")
	if s.tx != nil && s.tx.settings != nil {
		delete(s.tx.settings.values, "transaction_isolation")
		delete(s.tx.settings.values, "transaction_read_only")
	}
}

var _ = on[*ast.Rollback](verb{tag: "ROLLBACK", reads: true, endsBlock: true, bare: true, run: func(_ context.Context, s *session, stmt ast.Statement, _ pgwire.ResultWriter) (pgwire.Outcome, error) {
	r := stmt.(*ast.Rollback)
	if s.tx == nil || !s.tx.explicit {
		if r.Savepoint != "" {
			return pgwire.Outcome{}, sqlerr.New(sqlerr.NoActiveSQLTransaction, "ROLLBACK TO SAVEPOINT can only be used in transaction blocks")
		}
		if r.Chain {
			return pgwire.Outcome{}, noChain("ROLLBACK")
		}
		s.notice(pgwire.Warning, sqlerr.New(sqlerr.NoActiveSQLTransaction, "there is no transaction in progress"))
		s.rollback() // what the string did before
		return done("ROLLBACK")
	}
	if r.Savepoint != "" {
		if err := s.rollbackTo(r.Savepoint); err != nil {
			return pgwire.Outcome{}, err
		}
		return done("ROLLBACK")
	}
	s.dropModes()
	s.rollback()
	if r.Chain {
		s.begin().explicit = true
	}
	return done("ROLLBACK")
}})

// Pools send UNLISTEN * with every connection that comes back: nobody listens.
var _ = on[*ast.Unlisten](verb{tag: "UNLISTEN", reads: true, run: func(context.Context, *session, ast.Statement, pgwire.ResultWriter) (pgwire.Outcome, error) {
	return done("UNLISTEN")
}})

var _ = on[*ast.Savepoint](verb{tag: "SAVEPOINT", block: needBlock, reads: true, run: func(_ context.Context, s *session, stmt ast.Statement, _ pgwire.ResultWriter) (pgwire.Outcome, error) {
	s.savepoint(stmt.(*ast.Savepoint).Name)
	return done("SAVEPOINT")
}})

var _ = on[*ast.Release](verb{tag: "RELEASE", block: needBlock, reads: true, run: func(_ context.Context, s *session, stmt ast.Statement, _ pgwire.ResultWriter) (pgwire.Outcome, error) {
	i, err := s.tx.find(stmt.(*ast.Release).Name)
	if err != nil {
		return pgwire.Outcome{}, err
	}
	s.tx.saves = s.tx.saves[:i]
	return done("RELEASE")
}})

var _ = on[*ast.SetTransaction](verb{tag: "SET", reads: true, run: func(_ context.Context, s *session, stmt ast.Statement, _ pgwire.ResultWriter) (pgwire.Outcome, error) {
	st := stmt.(*ast.SetTransaction)
	if st.Session {
		if st.Modes.Isolation != "" {
			if err := s.setVariable("default_transaction_isolation", strings.ToLower(st.Modes.Isolation)); err != nil {
				return pgwire.Outcome{}, err
			}
		}
		if st.Modes.Access != "" {
			v := "off"
			if strings.EqualFold(st.Modes.Access, "READ ONLY") {
				v = "on"
			}
			if err := s.setVariable("default_transaction_read_only", v); err != nil {
				return pgwire.Outcome{}, err
			}
		}
		return done("SET")
	}
	if s.tx == nil || !s.tx.explicit {
		s.notice(pgwire.Warning, sqlerr.New(sqlerr.NoActiveSQLTransaction, "SET TRANSACTION can only be used in transaction blocks"))
		return done("SET")
	}
	return pgwire.Outcome{Verb: "SET", Rows: -1}, s.setModes(&st.Modes)
}})
