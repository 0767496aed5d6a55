// A Next.js application has to have a layout; this one has no pages.
export default function Layout({ children }) {
  return children
}
