// What a reader with this window sees, measured in the page. Returns a list of what is wrong, and some numbers.
for (const details of document.querySelectorAll('details')) details.open = true;

const wrong = [];
const numbers = (colour) => colour.match(/[\d.]+/g).map(Number);
const opaque = (colour) => numbers(colour).length === 3 || numbers(colour)[3] === 1;
const luminance = (colour) => {
  const [red, green, blue] = numbers(colour).map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const contrast = (one, other) => {
  const [bright, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (bright + 0.05) / (dark + 0.05);
};
const background = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = getComputedStyle(at).backgroundColor;
    if (opaque(colour)) return colour;
  }
  return 'rgb(255, 255, 255)';
};

const root = document.documentElement;
if (root.scrollWidth > root.clientWidth) wrong.push(`the page is ${root.scrollWidth} wide in ${root.clientWidth}`);
// A box that scrolls sideways may hold wider ones, but must itself fit.
const scrolls = (element) => ['auto', 'scroll'].includes(getComputedStyle(element).overflowX);
const isInScroller = (element) => {
  for (let at = element.parentElement; at && at !== document.body; at = at.parentElement) if (scrolls(at)) return true;
  return false;
};
let least = Infinity;
for (const element of document.querySelectorAll('body *')) {
  const box = element.getBoundingClientRect();
  if (box.right > root.clientWidth + 0.5 && box.width > 1 && !isInScroller(element)) wrong.push(`${element.outerHTML.slice(0, 80)} reaches to ${box.right}`);
  const text = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  if (!text.length || element.closest('svg')) continue;
  const style = getComputedStyle(element);
  const ratio = contrast(style.color, background(element));
  least = Math.min(least, ratio);
  if (ratio < 4.5) wrong.push(`"${text[0].data.trim().slice(0, 40)}" has contrast ${ratio.toFixed(2)}`);
  if (parseFloat(style.fontSize) < 12) wrong.push(`"${text[0].data.trim().slice(0, 40)}" is ${style.fontSize} high`);
}
const tables = [...document.querySelectorAll('table')];
for (const table of tables) {
  const texts = document.createTreeWalker(table, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { data } = texts.currentNode;
    // A line may end after a hyphen.
    for (const { 0: word, index } of data.matchAll(/[^\s-]+-*|-+/g)) {
      const range = document.createRange();
      range.setStart(texts.currentNode, index);
      range.setEnd(texts.currentNode, index + word.length);
      const lines = new Set([...range.getClientRects()].map((rectangle) => rectangle.top));
      if (lines.size > 1) wrong.push(`"${word}" is broken in the table of "${table.innerText.slice(0, 40)}"`);
    }
  }
}
const charts = [...document.querySelectorAll('svg[role=img]')];
for (const svg of charts) {
  const box = svg.getBoundingClientRect();
  if (box.width < 60 || box.height < 20) wrong.push(`a chart of ${box.width} x ${box.height}`);
  if (!svg.querySelector('title')?.textContent.trim()) wrong.push('a chart without a title');
  for (const path of svg.querySelectorAll('path')) {
    const ratio = contrast(getComputedStyle(path).stroke, background(svg.parentElement));
    if (ratio < 3) wrong.push(`a chart has contrast ${ratio.toFixed(2)}`);
  }
}
for (const link of document.querySelectorAll('a, summary')) {
  const box = link.getBoundingClientRect();
  if (box.height < 24) wrong.push(`"${link.textContent}" is only ${box.height} high, too small for a finger`);
}
for (const details of document.querySelectorAll('details')) details.open = false;
return {
  wrong,
  charts: charts.length,
  tables: tables.map((table) => [...table.querySelectorAll('thead th')].map((heading) => heading.textContent)),
  least,
  lang: root.lang,
  title: document.title,
  dark: luminance(getComputedStyle(document.body).backgroundColor) < 0.1,
  height: root.scrollHeight,
  text: document.body.innerText,
};
