package funcs

import "time"

// Session is what functions may ask about the session they run in; Ctx.Session
// holds one, or nil inside views. Functions over the catalog declare the further
// methods they need beside themselves.
type Session interface {
	// User is current_user, or session_user where session is true.
	User(session bool) string
	Database() string
	// SearchPath lists the schemas of the search path that exist, without the
	// implicit ones.
	SearchPath() []string
	// Setting is what SHOW name shows; ok is false for an unknown name.
	Setting(name string) (value string, ok bool)
}

// session returns c's Session or nil.
func (c *Ctx) session() Session {
	s, _ := c.Session.(Session)
	return s
}

// zone is the session's time zone.
func (c *Ctx) zone() *time.Location {
	if c.Env == nil || c.Env.TimeZone == nil {
		return time.UTC
	}
	return c.Env.TimeZone
}
