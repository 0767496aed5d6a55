// What the doc comments of public names lack: `node scripts/doc-comments.mjs [part of a path]` prints it, and `npm run
// check` fails for it. A public name is what an entry of the package exports, and each member that it declares.
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { ENTRIES } from './entries.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Members that carry these types are amounts: their text has to name the unit. */
const MONEY = /\bMoney\b/
/** A name that says milliseconds. */
const MILLISECONDS = /(Ms|At)$/
/** Interfaces that callers fill in. Each of their optional members has a default. */
const INPUT = /(Options|Input|Hints|Budget)$/
/** How many calls are followed to the place that throws. */
const CALLS_FOLLOWED = 3
const NAMES_MS = /\bms\b|milliseconds/
const NAMES_MONEY = /micro-dollars/i
/** Codes, or where they are listed: a layer, an option that has it throw, another method. */
const SAYS_WHICH = /`|\blayers?\b/

/**
 * @typedef {{ file: string, line: number, name: string, problem: string }} Problem
 */

/**
 * Every public name whose doc comment lacks its text, unit, default, example or codes.
 * @param {readonly string[]} [entries] source files, from the project's root; by default those of the package
 * @param {string} [folder] only declarations in this folder count
 * @returns {Problem[]}
 */
export function docProblems(entries = Object.values(ENTRIES).map((file) => `src/${file}.ts`), folder = 'src/') {
  const config = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile).config
  const compilerOptions = { ...config.compilerOptions, incremental: false, tsBuildInfoFile: null }
  const { options } = ts.parseJsonConfigFileContent({ ...config, compilerOptions, include: [] }, ts.sys, root)
  const files = entries.map((file) => `${root}${file}`)
  const program = ts.createProgram(files, options)
  const checker = program.getTypeChecker()
  const codes = new Set(errorCodes())
  /** @type {Problem[]} */
  const problems = []
  /** @type {Set<ts.Node>} */
  const seen = new Set()

  for (const file of files) {
    const source = program.getSourceFile(file)
    const symbol = source && checker.getSymbolAtLocation(source)
    if (!symbol) throw new Error(`${file} is no module`)
    for (const exported of checker.getExportsOfModule(symbol)) {
      const target = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
      for (const declaration of target.declarations ?? []) {
        if (!isInside(folder, declaration) || seen.has(declaration)) continue
        seen.add(declaration)
        declared(target.getName() === 'default' ? exported.getName() : target.getName(), declaration)
      }
    }
  }
  for (const source of program.getSourceFiles()) if (isInside(folder, source)) checkDefaults(source)
  return problems.sort((a, b) => a.file.localeCompare(b.file) || a.line - b.line)

  /**
   * @param {string} name
   * @param {ts.Declaration} declaration
   */
  function declared(name, declaration) {
    const text = textOf(declaration)
    if (!text && !isLaterOverload(declaration)) report(declaration, name, 'has no text')
    checkThrows(declaration, name)
    if (ts.isFunctionDeclaration(declaration)) {
      checkThrown(declaration, name)
      checkParameters(declaration, name, text)
    }
    if (ts.isFunctionDeclaration(declaration) && !isLaterOverload(declaration) && !hasTag(declaration, 'example')) {
      report(declaration, name, 'has no @example')
    }
    if (ts.isVariableDeclaration(declaration) && isFunctionValue(declaration) && !hasTag(declaration, 'example')) {
      report(declaration, name, 'has no @example')
    }
    if (ts.isInterfaceDeclaration(declaration)) {
      members(declaration.members, name, INPUT.test(name))
      inherited(declaration, name)
    } else if (ts.isClassDeclaration(declaration)) {
      members(declaration.members, name, false)
    } else if (ts.isTypeAliasDeclaration(declaration)) {
      literals(declaration.type, name)
    }
  }

  /**
   * The members that an interface has from others, which need not be exported themselves.
   * @param {ts.InterfaceDeclaration} declaration
   * @param {string} name
   */
  function inherited(declaration, name) {
    for (const { types } of declaration.heritageClauses ?? []) {
      for (const type of types) {
        for (const base of checker.getTypeAtLocation(type.expression).symbol?.declarations ?? []) {
          if (!ts.isInterfaceDeclaration(base) || !isInside(folder, base) || seen.has(base)) continue
          seen.add(base)
          members(base.members, base.name.text, INPUT.test(name) || INPUT.test(base.name.text))
          inherited(base, name)
        }
      }
    }
  }

  /** @param {ts.VariableDeclaration} declaration */
  function isFunctionValue(declaration) {
    return checker.getTypeAtLocation(declaration).getCallSignatures().length > 0
  }

  /**
   * The object types inside a type alias.
   * @param {ts.Node} type
   * @param {string} name
   */
  function literals(type, name) {
    if (ts.isTypeLiteralNode(type)) members(type.members, name, INPUT.test(name))
    else if (ts.isUnionTypeNode(type) || ts.isIntersectionTypeNode(type)) {
      for (const part of type.types) literals(part, name)
    } else if (ts.isParenthesizedTypeNode(type)) literals(type.type, name)
  }

  /**
   * @param {ts.NodeArray<ts.TypeElement | ts.ClassElement>} list
   * @param {string} owner
   * @param {boolean} isInput whether callers write it
   */
  function members(list, owner, isInput) {
    for (const member of list) {
      if (!member.name || ts.isPrivateIdentifier(member.name)) continue
      if (ts.getCombinedModifierFlags(member) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) continue
      if (isInternal(member)) continue
      const name = `${owner}.${member.name.getText()}`
      const text = textOf(member)
      if (!text && !isWellKnown(member.name.getText())) report(member, name, 'has no text')
      checkThrows(member, name)
      if (ts.isMethodSignature(member)) checkParameters(member, name, `${text} ${textOf(member.parent)}`)
      const type = 'type' in member && member.type ? /** @type {ts.TypeNode} */ (member.type).getText() : ''
      const isFunction = ts.isMethodSignature(member) || ts.isMethodDeclaration(member) || /=>/.test(type)
      // An object written out in place has members of its own, which are looked at below.
      const isObject = type.includes('{')
      if (!isFunction && !isObject && MONEY.test(type) && !NAMES_MONEY.test(text))
        report(member, name, 'does not say micro-dollars')
      if (
        /\bnumber\b(?!\[\])/.test(type) &&
        !isFunction &&
        !isObject &&
        MILLISECONDS.test(name) &&
        !NAMES_MS.test(text)
      ) {
        report(member, name, 'does not say ms')
      }
      const optional = 'questionToken' in member && member.questionToken !== undefined
      if (isInput && optional && !hasTag(member, 'default')) report(member, name, 'has no @default')
      if ('type' in member && member.type) literals(/** @type {ts.TypeNode} */ (member.type), name)
    }
  }

  /**
   * A `@throws` of an error with a code names codes of the table, and no others.
   * @param {ts.Node} node
   * @param {string} name
   */
  function checkThrows(node, name) {
    for (const tag of ts.getJSDocTags(node)) {
      if (tag.tagName.text !== 'throws') continue
      const text = ts.getTextOfJSDocComment(tag.comment) ?? ''
      for (const [, code] of text.matchAll(/`([A-Z][A-Z_]+[A-Z])`/g)) {
        if (code && !codes.has(code)) report(node, name, `throws ${code}, which is no code`)
      }
      if (/^(SolveguardError|DeniedError)\b/.test(text) && !SAYS_WHICH.test(text)) {
        report(node, name, 'throws an error without its code')
      }
    }
  }

  /**
   * A function that throws an error with a code, itself or by another function of src, names the code.
   * @param {ts.FunctionDeclaration} declaration
   * @param {string} name
   */
  function checkThrown(declaration, name) {
    const named = ts.getJSDocTags(declaration).filter(({ tagName }) => tagName.text === 'throws')
    const text = named.map(({ comment }) => ts.getTextOfJSDocComment(comment) ?? '').join(' ')
    for (const code of thrownBy(declaration, CALLS_FOLLOWED)) {
      if (!text.includes(code)) report(declaration, name, `throws ${code}, and does not say so`)
    }
  }

  /**
   * The codes of the errors that a function throws. What is in a `try`, or in a function inside it, does not count.
   * @param {ts.FunctionDeclaration} declaration
   * @param {number} depth how many calls are followed
   * @returns {ReadonlySet<string>}
   */
  function thrownBy(declaration, depth) {
    /** @type {Set<string>} */
    const thrown = new Set()
    /** @param {ts.Node} node */
    const visit = (node) => {
      if (ts.isFunctionLike(node) || (ts.isTryStatement(node) && node.catchClause)) return
      if (ts.isThrowStatement(node)) {
        const [, code] = /^new \w+Error\(\s*'([A-Z][A-Z_]+[A-Z])'/.exec(node.expression.getText()) ?? []
        if (code) thrown.add(code)
      }
      if (ts.isCallExpression(node) && depth > 0) {
        const symbol = checker.getSymbolAtLocation(node.expression)
        const target = symbol && symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
        const called = target?.declarations?.find((each) => ts.isFunctionDeclaration(each) && each.body)
        if (called && ts.isFunctionDeclaration(called) && isInside(folder, called)) {
          for (const code of thrownBy(called, depth - 1)) thrown.add(code)
        }
      }
      ts.forEachChild(node, visit)
    }
    if (declaration.body) ts.forEachChild(declaration.body, visit)
    return thrown
  }

  /**
   * A parameter that is a time names its unit.
   * @param {ts.FunctionDeclaration | ts.MethodSignature} declaration
   * @param {string} name
   * @param {string} text
   */
  function checkParameters(declaration, name, text) {
    for (const parameter of declaration.parameters) {
      const own = parameter.name.getText()
      if (!/^now$|Ms$|At$/.test(own) || parameter.type?.getText() !== 'number') continue
      const tags = ts.getJSDocParameterTags(parameter).map(({ comment }) => ts.getTextOfJSDocComment(comment) ?? '')
      if (!NAMES_MS.test([text, ...tags].join(' '))) report(parameter, `${name}(${own})`, 'does not say ms')
    }
  }

  /**
   * The default in the code of an option, where it is written in a parameter's pattern, is the one that its text has.
   * @param {ts.SourceFile} source
   */
  function checkDefaults(source) {
    /** @param {ts.Node} node */
    const visit = (node) => {
      if (ts.isParameter(node) && ts.isObjectBindingPattern(node.name) && node.type) {
        const type = checker.getTypeAtLocation(node.type)
        for (const { name, propertyName, initializer } of node.name.elements) {
          const value = initializer && literalOf(initializer)
          const property = value === undefined ? undefined : type.getProperty((propertyName ?? name).getText())
          const [declaration] = property?.declarations ?? []
          const tag = declaration && ts.getJSDocTags(declaration).find(({ tagName }) => tagName.text === 'default')
          const said = tag && (ts.getTextOfJSDocComment(tag.comment) ?? '').replaceAll('_', '')
          if (said === undefined || !declaration || said.startsWith(`${value}`)) continue
          report(declaration, property?.name ?? '', `has the default ${value}, not ${said}`)
        }
      }
      ts.forEachChild(node, visit)
    }
    visit(source)
  }

  /**
   * The value of a literal, or of a constant that is one, as `@default` has it.
   * @param {ts.Expression} expression
   * @returns {string | undefined}
   */
  function literalOf(expression) {
    if (ts.isIdentifier(expression)) {
      const symbol = checker.getSymbolAtLocation(expression)
      const target = symbol && symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
      const declaration = target?.valueDeclaration
      const isConstant = declaration && ts.isVariableDeclaration(declaration) && declaration.initializer
      return isConstant ? literalOf(isConstant) : undefined
    }
    const text = expression.getText().replaceAll('_', '')
    return /^(?:\d+|true|false|'[^']*')$/.test(text) ? text : undefined
  }

  /**
   * @param {ts.Node} node
   * @param {string} name
   * @param {string} problem
   */
  function report(node, name, problem) {
    const source = node.getSourceFile()
    const { line } = source.getLineAndCharacterOfPosition(node.getStart())
    problems.push({ file: relative(root, source.fileName), line: line + 1, name, problem })
  }
}

/** @returns {string[]} */
function errorCodes() {
  const text = readFileSync(`${root}src/base/errors.ts`, 'utf8')
  return [...text.matchAll(/^ {2}([A-Z][A-Z_]+): \{/gm)].map(([, code]) => code ?? '')
}

/**
 * @param {string} folder
 * @param {ts.Node} node
 */
function isInside(folder, node) {
  return relative(root, node.getSourceFile().fileName).startsWith(folder)
}

/**
 * The text of a doc comment, with the text of the tags that hold facts.
 * @param {ts.Node} node
 */
function textOf(node) {
  const owner = ts.isVariableDeclaration(node) ? node.parent.parent : node
  const comments = ts.getJSDocCommentsAndTags(owner)
  return comments
    .map((each) => ts.getTextOfJSDocComment(each.comment) ?? '')
    .join(' ')
    .trim()
}

/**
 * @param {ts.Node} node
 * @param {string} tag
 */
function hasTag(node, tag) {
  return ts.getJSDocTags(node).some(({ tagName }) => tagName.text === tag)
}

/** @param {ts.Node} node */
function isInternal(node) {
  return hasTag(node, 'internal')
}

/**
 * Of several signatures of one function, the first has the text.
 * @param {ts.Declaration} node
 */
function isLaterOverload(node) {
  if (!ts.isFunctionDeclaration(node) || !node.name) return false
  const same = node.parent.getChildren().flatMap((list) => list.getChildren())
  const first = same.find((each) => ts.isFunctionDeclaration(each) && each.name?.text === node.name?.text)
  return first !== undefined && first !== node
}

/**
 * Names whose meaning the language gives.
 * @param {string} name
 */
function isWellKnown(name) {
  return /^\[Symbol\.|^(toJSON|toString|constructor)$/.test(name)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const part = process.argv[2] ?? ''
  const found = docProblems().filter(({ file }) => file.includes(part))
  for (const { file, line, name, problem } of found) console.log(`${file}:${line}  ${name} ${problem}`)
  console.log(`${found.length} problems`)
}
