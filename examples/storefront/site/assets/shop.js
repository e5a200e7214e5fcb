// Lists the shoes; the answer comes from the edge's cache after the first viewer.
fetch('/api/products?category=shoes&sort=price')
  .then((response) => response.json())
  .then(({ items }) => {
    const list = document.getElementById('products');
    for (const item of items) {
      const li = document.createElement('li');
      li.append(item.name, Object.assign(document.createElement('b'), { textContent: item.price.toFixed(2) }));
      list.append(li);
    }
  });
