/** How wide text stands in a terminal, and text of a given width. */

/** What takes two places: East Asian scripts and full-width forms. */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}]/u;
const emoji = /\p{Emoji_Presentation}|\p{Extended_Pictographic}\ufe0f/u;
/** What stands on the place of another: marks, and what is not to be seen. */
const nothing = /^[\p{Mark}\p{Cf}\p{Cc}]*$/u;
const plain = /^[\u0020-\u007e]*$/;
/** Longer text is cut before it is measured: it stands on no screen. */
const longest = 4_000;

const segments = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** How many places text takes. */
export function widthOf(text: string): number {
  if (plain.test(text)) return text.length;
  let width = 0;
  for (const { segment } of segments.segment(text)) width += placesOf(segment);
  return width;
}

function placesOf(segment: string): number {
  if (nothing.test(segment)) return 0;
  return wide.test(segment) || emoji.test(segment) ? 2 : 1;
}

/** As much of text as fits; what is cut off leaves an ellipsis. */
export function cut(given: string, width: number): string {
  const text = given.slice(0, longest);
  if (widthOf(text) <= width) return text;
  if (width < 1) return '';
  let kept = '';
  let left = width - 1;
  for (const { segment } of segments.segment(text)) {
    left -= placesOf(segment);
    if (left < 0) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** Text of exactly this width. */
export function fitted(given: string, width: number, align: 'left' | 'right' = 'left'): string {
  const text = cut(given, width);
  const space = ' '.repeat(Math.max(0, width - widthOf(text)));
  return align === 'left' ? text + space : space + text;
}
