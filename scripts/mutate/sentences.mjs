// A plugin of Stryker that makes no mutants of sentences for people: a test that compares each word of a message would
// only be a second copy of it. What a program reads (codes, names of fields, formats, separators) has no words with
// spaces between them, and is mutated. SQL has, but an empty statement fails at once in every test.

const SENTENCE = /[a-z]{2}.* .*[a-z]{2}/is

/** @typedef {{ type: string, value?: unknown, quasis?: { value: { raw: string } }[] }} Node */

export const strykerPlugins = [
  {
    kind: 'Ignore',
    name: 'sentences',
    value: {
      /** @param {{ node: Node }} path */
      shouldIgnore({ node: { type, value, quasis = [] } }) {
        const text = type === 'TemplateLiteral' ? quasis.map((part) => part.value.raw).join(' x ') : value
        const isText = type === 'TemplateLiteral' || type === 'StringLiteral'
        return isText && SENTENCE.test(String(text)) ? 'a sentence for people' : undefined
      },
    },
  },
]
