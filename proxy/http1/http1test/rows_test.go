package http1test

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	rows, err := parse(strings.Join([]string{
		"# comment", "", "## heading",
		": first row", `> "GET / "`, `> 2 * "a\r\n"`, `< pass method="a b" minor=1 body=""`,
		": second row", "@ HEAD", "< more", "",
	}, "\n"))
	if err != nil || len(rows) != 2 {
		t.Fatal(rows, err)
	}
	first, second := rows[0], rows[1]
	if first.Name != "first row" || string(first.Raw) != "GET / a\r\na\r\n" || first.Method != "GET" || first.Verdict != "pass" {
		t.Errorf("%+v", first)
	}
	if len(first.Want) != 3 || first.Want["method"] != "a b" || first.Want["minor"] != "1" || first.Want["body"] != "" {
		t.Errorf("%v", first.Want)
	}
	if second.Method != "HEAD" || second.Verdict != "more" || len(second.Raw) != 0 || len(second.Want) != 0 {
		t.Errorf("%+v", second)
	}
}

func TestParseRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, text := range []string{"x", `> "a`, `> x * "a"`, `> a`, "< pass method", ">"} {
		if rows, err := parse(text); err == nil {
			t.Errorf("%q passes as %v", text, rows)
		}
	}
}
