// What a browser makes of the page in a frame, as JSON in our own title.
function measure(frame) {
  const page = frame.contentDocument;
  const color = (text) => text.match(/[\d.]+/g).map(Number);
  const behind = (at) => {
    for (; at; at = at.parentElement) {
      const found = color(frame.contentWindow.getComputedStyle(at).backgroundColor);
      if (found[3] !== 0) return found;
    }
    return [255, 255, 255];
  };
  // https://www.w3.org/TR/WCAG22/#dfn-relative-luminance
  const light = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [less, more] = [light(one), light(other)].sort((a, b) => a - b);
    return (more + 0.05) / (less + 0.05);
  };
  const faint = [];
  const texts = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const at = texts.currentNode.parentElement;
    const text = texts.currentNode.textContent.trim();
    const ink = color(frame.contentWindow.getComputedStyle(at).color);
    if (text && contrast(ink, behind(at)) < 4.5) faint.push(text);
  }
  const links = [...page.querySelectorAll("a[href]")].map((link) => link.href);
  const paper = light(behind(page.body));
  const width = page.documentElement.scrollWidth;
  document.title = JSON.stringify({ width, paper, faint, links });
}
