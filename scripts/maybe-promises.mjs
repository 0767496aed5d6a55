// Where a value that may be a promise is in an array for `Promise.all` and its like: the function that returned it may
// throw instead, and then the promises before it have no handler. A rejection without a handler ends the process.
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('..', import.meta.url))
const COMBINATORS = ['all', 'allSettled', 'any', 'race']

/**
 * @param {string} [folder] of TypeScript files, absolute
 * @returns {string[]} `file:line text` of each element that may be a promise, and may be none
 */
export function maybePromises(folder = `${root}src`) {
  const config = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile).config
  const compilerOptions = { ...config.compilerOptions, incremental: false, tsBuildInfoFile: null }
  const { options } = ts.parseJsonConfigFileContent({ ...config, compilerOptions, include: [] }, ts.sys, root)
  const files = ts.sys.readDirectory(folder, ['.ts'])
  const program = ts.createProgram(files, options)
  const checker = program.getTypeChecker()
  return files.flatMap((file) => {
    const source = program.getSourceFile(file)
    return source
      ? elementsOf(source)
          .filter(mayBePromise)
          .map((node) => describe(folder, source, node))
      : []
  })

  /** @param {ts.Expression} node */
  function mayBePromise(node) {
    const type = checker.getTypeAtLocation(node)
    const element = isElement(node) ? type : (checker.getIndexTypeOfType(type, ts.IndexKind.Number) ?? type)
    // `optional?.()` returns undefined only where nothing was called.
    const kinds = (element.isUnion() ? element.types : [element]).filter(
      ({ flags }) => !(flags & ts.TypeFlags.Undefined),
    )
    const promises = kinds.filter((kind) => checker.getPropertyOfType(kind, 'then') !== undefined)
    return promises.length > 0 && promises.length < kinds.length
  }
}

/**
 * What is passed to `Promise.all` and its like: the elements of an array literal, or an expression for an array.
 * @param {ts.SourceFile} source
 * @returns {ts.Expression[]}
 */
function elementsOf(source) {
  /** @type {ts.Expression[]} */
  const found = []
  /** @param {ts.Node} node */
  const visit = (node) => {
    if (ts.isCallExpression(node) && isCombinator(node.expression)) {
      const [passed] = node.arguments
      if (passed) found.push(...(ts.isArrayLiteralExpression(passed) ? passed.elements : [passed]))
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

/** @param {ts.Expression} callee */
const isCombinator = (callee) =>
  ts.isPropertyAccessExpression(callee) &&
  ts.isIdentifier(callee.expression) &&
  callee.expression.text === 'Promise' &&
  COMBINATORS.includes(callee.name.text)

/** @param {ts.Expression} node */
const isElement = (node) => ts.isArrayLiteralExpression(node.parent) && !ts.isSpreadElement(node)

/**
 * @param {string} folder
 * @param {ts.SourceFile} source
 * @param {ts.Expression} node
 */
function describe(folder, source, node) {
  const { line } = source.getLineAndCharacterOfPosition(node.getStart())
  return `${source.fileName.slice(folder.length + 1)}:${line + 1} ${node.getText().split('\n', 1)[0]}`
}
