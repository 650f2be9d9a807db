package pgcatalog

import "strconv"

func settingsRows(s *state, w *writer) {
	w.columns("name", "setting", "unit", "category", "short_desc", "context", "vartype", "source", "enumvals", "boot_val", "reset_val", "pending_restart")
	for _, v := range s.in.Settings {
		context, source, category := "user", "default", "Client Connection Defaults"
		if v.Fixed {
			context, category = "internal", "Preset Options"
		}
		if v.Changed {
			source = "session"
		}
		enum := null
		if v.Enum != nil {
			enum = texts(v.Enum)
		}
		w.row(str(v.Name), str(v.Value), orNull(v.Unit), str(category), str(v.Doc), str(context), str(v.kind()), str(source), enum,
			str(v.Initial), str(v.Initial), yes(false))
	}
}

// kind is vartype: what the setting says it is, else what its first value looks like.
func (v *Setting) kind() string {
	switch {
	case v.Type != "":
		return v.Type
	case v.Enum != nil:
		return "enum"
	case v.Initial == "on" || v.Initial == "off":
		return "bool"
	}
	if _, err := strconv.ParseInt(v.Initial, 10, 64); err == nil {
		return "integer"
	}
	return "string"
}
