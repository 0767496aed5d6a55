import { type ComponentType, StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { query, root } from './site.js'

/** What each form receives: its number on the page. */
export interface FormProps {
  readonly n: number
}

/**
 * Renders an app of one or several forms, which can be removed and rendered again. `?late`: only after a click;
 * `?many=2`: two of them; `?strict`: in Strict Mode.
 */
export function draw(Form: ComponentType<FormProps>): void {
  const forms = Array.from({ length: Number(query.get('many') ?? 1) }, (_, n) => n)
  function App() {
    const [shown, show] = useState(!query.has('late'))
    return (
      <>
        <button type="button" id="toggle" onClick={() => show(!shown)}>
          Form
        </button>
        {shown && forms.map((n) => <Form key={n} n={n} />)}
      </>
    )
  }
  createRoot(root()).render(
    query.has('strict') ? (
      <StrictMode>
        <App />
      </StrictMode>
    ) : (
      <App />
    ),
  )
}
