package libvirt

import (
	"encoding/xml"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// dumped is a definition as libvirt 9.0 gave it.
func dumped(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("testdata/domain.xml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// slowly is what parseDefinition must agree with.
func slowly(text string) (definition, error) {
	var d definition
	err := xml.Unmarshal([]byte(text), &d)
	return d, err
}

func TestADefinitionIsReadAsEncodingXMLReadsIt(t *testing.T) {
	for name, text := range map[string]string{
		"dumped": dumped(t),
		"a stranger's metadata": `<domain><metadata><a:x xmlns:a="urn:a"><disk>/a<!-- < --><![CDATA[<]]></disk></a:x>` +
			`<p:spawn xmlns:p="urn:pcloud-apply:spawn:1" inventory="l&amp;b" name="&quot;&#65;&#x42;"><p:origin>a&lt;b</p:origin></p:spawn></metadata></domain>`,
		"a copied prefix": `<domain><metadata><p:spawn xmlns:p="urn:other" inventory="lab"/>` +
			`<spawn xmlns="urn:pcloud-apply:spawn:1" inventory="lab"/></metadata></domain>`,
		"names within names": `<domain><clock><name>b</name><uuid/></clock><name>a</name><devices><controller><disk/></controller></devices></domain>`,
	} {
		want, err := slowly(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseDefinition(text)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

func TestNoPartOfADefinitionIsTakenForAWhole(t *testing.T) {
	text := dumped(t)
	whole := len(text) - 2 // </domain> and two line ends
	for n := range whole {
		if _, err := parseDefinition(text[:n]); err == nil {
			t.Fatalf("the first %d bytes were taken", n)
		}
	}
}

func TestAbsolutePathsAreFoundInAnyPlace(t *testing.T) {
	got, err := absolutePaths(`<a x='/b &amp; c'><b>/d</b><c y="e" z=" /f"/>g</a>`)
	if diff := cmp.Diff([]string{"/b & c", "/d", "/f"}, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	for _, broken := range []string{`<a x=>`, `<a x='/b`, `<a x="/b'>`, `<a>&bad;</a>`, `<a x='&#xfffffffff;'/>`} {
		if _, err := absolutePaths(broken); err == nil {
			t.Errorf("%s was taken", broken)
		}
	}
}

// FuzzDefinition looks for XML that is read, and not as encoding/xml reads it.
func FuzzDefinition(f *testing.F) {
	f.Add(dumped(f))
	f.Add(`<domain type='qemu'><name>a.b</name><metadata><p:spawn xmlns:p="urn:pcloud-apply:spawn:1" uuid=""/></metadata></domain>`)
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = absolutePaths(text) // it shall only come to an end
		want, wantErr := slowly(text)
		got, err := parseDefinition(text)
		if err != nil || wantErr != nil {
			return
		}
		if diff := cmp.Diff(want.Metadata.Marks, got.Metadata.Marks); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	})
}
