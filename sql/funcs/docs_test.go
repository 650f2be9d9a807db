package funcs

import (
	"os"
	"testing"
)

// docs/sql/functions.md is what the tables say.
func TestReference(t *testing.T) {
	const path = "../../docs/sql/functions.md"
	want := Markdown()
	if os.Getenv("TARN_REWRITE") != "" {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is out of date: TARN_REWRITE=1 go test ./sql/funcs -run Reference", path)
	}
}
