package pdf

import (
	"fmt"
	"strings"
)

// Element is a part of the document's structure, which tells a screen reader what a
// piece of text is: "H1", "P", "Table", "TR", "TH", "TD", "L", "LI", "Caption".
type Element struct{ at *element }

type element struct {
	role string
	kids []kid
}

// kid is a marked piece of a page or, if its page is -1, an element.
type kid struct {
	page, mcid int
	of         *element
}

// Element adds an element to the structure, below parent or, if that is nil, below the
// document.
func (d *Document) Element(parent *Element, role string) *Element {
	e := &element{role: role}
	at := &d.root
	if parent != nil {
		at = parent.at
	}
	at.kids = append(at.kids, kid{page: -1, of: e})
	return &Element{e}
}

// structure writes the tree of elements, and for each page the elements of its pieces.
func (d *Document) structure(w *writer, tree, parents int, pages []int) {
	owners := make([][]int, len(pages)) // by page and piece
	for i, p := range d.pages {
		owners[i] = make([]int, p.mcid)
	}
	top := w.element(&d.root, tree, pages, owners)
	var nums strings.Builder
	for i, list := range owners {
		fmt.Fprintf(&nums, "%d [", i)
		for _, n := range list {
			fmt.Fprintf(&nums, "%d 0 R ", n)
		}
		nums.WriteString("] ")
	}
	w.set(parents, "<</Nums ["+nums.String()+"]>>")
	w.set(tree, fmt.Sprintf("<</Type /StructTreeRoot /K %d 0 R /ParentTree %d 0 R /ParentTreeNextKey %d>>", top, parents, len(pages)))
}

func (w *writer) element(e *element, parent int, pages []int, owners [][]int) int {
	n := w.reserve()
	var kids strings.Builder
	for _, k := range e.kids {
		if k.page < 0 {
			fmt.Fprintf(&kids, "%d 0 R ", w.element(k.of, n, pages, owners))
			continue
		}
		owners[k.page][k.mcid] = n
		fmt.Fprintf(&kids, "<</Type /MCR /Pg %d 0 R /MCID %d>> ", pages[k.page], k.mcid)
	}
	w.set(n, fmt.Sprintf("<</Type /StructElem /S /%s /P %d 0 R /K [%s]>>", e.role, parent, kids.String()))
	return n
}
